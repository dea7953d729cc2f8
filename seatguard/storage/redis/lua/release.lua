-- Free a seat, held or assigned.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 '1' leaves an assigned seat to its holder   8 key of the holder to take it from, or ''
-- Answers: released, already, not_held; changed, unknown, foreign.
local pool, no = opened()
if no then return no end

local seat = seat_of_id(ARGV[6])
if not seat or (ARGV[8] ~= '' and ARGV[8] ~= seat.key) then return {'not_held'} end
if ARGV[7] == '1' and seat.lapses_at == '' then return answer('already', pool, seat) end

if has_lapsed(seat, pool.now) then pool.lapsed = pool.lapsed - 1 end
pool.live = pool.live - 1
if seat.lapses_at ~= '' then pool.held = pool.held - 1 end
local go, instead = may_write('released', seat.id)
if go then
  drop(seat)
  record(pool, ENTRY, seat.id)
end
return instead or answer('released', pool, seat)
