-- Give the claimant a seat.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 holder's key   8 JSON of the key, the name and the e-mail, without the opening bracket
--   9 end of the hold, or '' for good   10 version
--   11 the rest of the admission: cap or '' for unlimited, open: 1 or 0, opens_at or '', closes_at or '',
--      each with a comma behind it
-- Answers: seated with the new seat's id, number and first instant; taken, already, full, closed; lapsing with the
-- holds in the way; changed, frozen, unknown, foreign.
local pool, no = opened()
if no then return no end

if not pool.frozen and tonumber(ARGV[10]) > pool.version then
  pool.cap, pool.open, pool.opens_at, pool.closes_at = string.match(ARGV[11], '^(%d*),([01]),(%-?%d*),(%-?%d*),$')
  if MODE ~= 'look' then
    redis.call('HSET', POOL, 'version', ARGV[10], 'cap', pool.cap, 'open', pool.open, 'opens_at', pool.opens_at,
      'closes_at', pool.closes_at)
  end
end

local own_id = redis.call('HGET', HOLDERS, ARGV[7])
if own_id then
  local own = seat_of_id(own_id)
  if has_lapsed(own, pool.now) then return listed('lapsing', {own}) end
  if ARGV[9] ~= '' or own.lapses_at == '' then
    -- The very seat that is claimed: an earlier call, its answer lost.
    return answer(own.id == ARGV[6] and 'taken' or 'already', pool, own)
  end
  own.lapses_at, own.since = '', instant(pool)
  pool.held = pool.held - 1
  local go, instead = may_write('taken', own.id)
  if go then
    redis.call('ZREM', HOLDS, own.id)
    record(pool, ENTRY, own.id, store(own), '')
  end
  return instead or answer('taken', pool, own)
end

if pool.frozen then return {'frozen'} end
if not gives(pool) then return answer('closed', pool) end
if pool.cap ~= '' and pool.live >= tonumber(pool.cap) then
  if pool.lapsed > 0 then return listed('lapsing', lapsed(pool, 500)) end
  return answer('full', pool)
end

-- Counted from the time, so that a pool that is filled anew gives no number again: 64 microseconds a step, of
-- which numbered() in wire.py makes one number for all subscriptions, small enough for JavaScript.
local number = text(math.max(pool.last + 1, math.floor(pool.now / 64)))
local since, lapses_at = instant(pool), ARGV[9]
local go, instead = may_write('seated', ARGV[6])
if instead then return instead end
if go then
  local value = '["' .. since .. '",' .. ARGV[8]
  redis.call('HSET', SEATS, ARGV[6], value)
  redis.call('HSET', HOLDERS, ARGV[7], ARGV[6])
  if lapses_at ~= '' then redis.call('ZADD', HOLDS, lapses_at, ARGV[6]) end
  redis.call('ZADD', ORDER, number, ARGV[6])
  redis.call('HSET', POOL, 'live', pool.live + 1, 'last', number)
  record(pool, ENTRY, ARGV[6], value, lapses_at)
end
return {
  'seated', pool.live + 1 - pool.lapsed, pool.held + (lapses_at == '' and 0 or 1) - pool.lapsed, ARGV[6], number, since,
}
