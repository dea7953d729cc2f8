-- Give a hold another end.
--
-- Arguments, after those of the prelude and of writing:
--   6 seat id   7 end of the hold
-- Answers: renewed, not_held; lapsed with the hold; changed, unknown, foreign.
local pool, no = opened()
if no then return no end

local seat = seat_of_id(ARGV[6])
if not seat or seat.lapses_at == '' then return {'not_held'} end
if has_lapsed(seat, pool.now) then return answer('lapsed', pool, seat) end
-- The end it has already: an earlier call, its answer lost.
local again = seat.lapses_at == ARGV[7]
seat.lapses_at = ARGV[7]
local go, instead = may_write('renewed', seat.id)
if go and not again then
  record(pool, ENTRY, seat.id, store(seat), seat.lapses_at)
end
return instead or answer('renewed', pool, seat)
