-- Give an assigned seat to another holder in one step.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 the other's key   8 the other's name   9 e-mail or ''   10 key of the holder to take it from, or ''
-- Answers: transferred, already, not_held; lapsing with the hold in the way; changed, unknown, foreign.
local pool, no = opened()
if no then return no end

local seat = seat_of_id(ARGV[6])
if not seat or seat.lapses_at ~= '' then return {'not_held'} end
-- The other has it: an earlier call, its answer lost.
if seat.key == ARGV[7] then return answer('transferred', pool, seat) end
if ARGV[10] ~= '' and ARGV[10] ~= seat.key then return {'not_held'} end
local their_id = redis.call('HGET', HOLDERS, ARGV[7])
if their_id then
  local theirs = seat_of_id(their_id)
  if has_lapsed(theirs, pool.now) then return listed('lapsing', {theirs}) end
  return answer('already', pool, theirs)
end

local before = seat.key
seat.key, seat.holder, seat.email, seat.since = ARGV[7], ARGV[8], ARGV[9], instant(pool)
local go, instead = may_write('transferred', seat.id)
if go then
  redis.call('HDEL', HOLDERS, before)
  record(pool, ENTRY, seat.id, store(seat), seat.lapses_at)
end
return instead or answer('transferred', pool, seat)
