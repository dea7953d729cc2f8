-- Clear lapsed holds away.
--
-- Arguments, after those of the prelude and of writing (4 and 5 are empty):
--   6, 7; 8, 9; ...  seat id and entry, JSON, of each hold
-- Answers: cleared with their number; unknown, foreign.
local pool, no = opened()
if no then return no end

local cleared = 0
for place = 6, #ARGV, 2 do
  local seat = seat_of_id(ARGV[place])
  if seat and has_lapsed(seat, pool.now) then
    drop(seat)
    record(pool, ARGV[place + 1], seat.id)
    cleared = cleared + 1
  end
end
return {'cleared', cleared}
