-- Turn a hold into a seat for good, perhaps of another holder.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 holder's key, or '' for the hold's own   8 holder's name   9 e-mail or ''
-- Answers: taken, already, not_held; lapsed with the hold; lapsing with the hold in the way; changed,
-- unknown, foreign.
local pool, no = opened()
if no then return no end

local seat = seat_of_id(ARGV[6])
if not seat then return {'not_held'} end
if has_lapsed(seat, pool.now) then return answer('lapsed', pool, seat) end
local before = seat.key
if ARGV[7] ~= '' and ARGV[7] ~= seat.key then
  if seat.lapses_at == '' then return {'not_held'} end
  local their_id = redis.call('HGET', HOLDERS, ARGV[7])
  if their_id then
    local theirs = seat_of_id(their_id)
    if has_lapsed(theirs, pool.now) then return listed('lapsing', {theirs}) end
    return answer('already', pool, theirs)
  end
  seat.key, seat.holder, seat.email = ARGV[7], ARGV[8], ARGV[9]
end
if seat.lapses_at == '' then return answer('already', pool, seat) end

seat.lapses_at, seat.since = '', instant(pool)
pool.held = pool.held - 1
local go, instead = may_write('taken', seat.id)
if go then
  if before ~= seat.key then redis.call('HDEL', HOLDERS, before) end
  redis.call('ZREM', HOLDS, seat.id)
  record(pool, ENTRY, seat.id, store(seat), seat.lapses_at)
end
return instead or answer('taken', pool, seat)
