-- Give the claimant a seat.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 holder's key   8 holder's name   9 e-mail or ''   10 end of the hold, or '' for good
--   11 version   12 cap, or '' for unlimited   13 open: 1 or 0   14 opens_at or ''   15 closes_at or ''
-- Answers: taken, already, full, closed; lapsing with the holds in the way; changed, frozen, unknown, foreign.
local pool, no = opened()
if no then return no end

if not pool.frozen and tonumber(ARGV[11]) > pool.version then
  pool.version, pool.cap, pool.open, pool.opens_at, pool.closes_at =
    tonumber(ARGV[11]), ARGV[12], ARGV[13], ARGV[14], ARGV[15]
  if MODE ~= 'look' then
    redis.call('HSET', POOL, 'version', ARGV[11], 'cap', ARGV[12], 'open', ARGV[13], 'opens_at', ARGV[14],
      'closes_at', ARGV[15])
  end
end

local own_id = redis.call('HGET', HOLDERS, ARGV[7])
if own_id then
  local own = seat_of_id(own_id)
  if has_lapsed(own, pool.now) then return listed('lapsing', {own}) end
  if ARGV[10] ~= '' or own.lapses_at == '' then
    -- The very seat that is claimed: an earlier call, its answer lost.
    return answer(own.id == ARGV[6] and 'taken' or 'already', pool, own)
  end
  own.lapses_at, own.since = '', instant(pool)
  pool.held = pool.held - 1
  local go, instead = may_write('taken', own.id)
  if go then
    store(own)
    record(pool, ENTRY, own)
  end
  return instead or answer('taken', pool, own)
end

if pool.frozen then return {'frozen'} end
if pool.open ~= '1'
  or (pool.opens_at ~= '' and pool.now < tonumber(pool.opens_at))
  or (pool.closes_at ~= '' and pool.now >= tonumber(pool.closes_at)) then
  return answer('closed', pool)
end
if pool.cap ~= '' and pool.live >= tonumber(pool.cap) then
  if pool.lapsed > 0 then return listed('lapsing', lapsed(pool, 500)) end
  return answer('full', pool)
end

local seat = {
  id = ARGV[6], number = math.max(pool.last + 1, pool.now), since = instant(pool), key = ARGV[7],
  holder = ARGV[8], email = ARGV[9], lapses_at = ARGV[10],
}
pool.live = pool.live + 1
if seat.lapses_at ~= '' then pool.held = pool.held + 1 end
local go, instead = may_write('taken', seat.id)
if go then
  store(seat)
  redis.call('ZADD', ORDER, text(seat.number), seat.id)
  redis.call('HSET', POOL, 'live', pool.live, 'last', text(seat.number))
  record(pool, ENTRY, seat)
end
return instead or answer('taken', pool, seat)
