-- Seats in the order of their numbers, lapsed holds left out.
--
-- Arguments, after those of the prelude:
--   3 the number they come after   4 how many at most
-- Answers: seats; unknown, foreign.
local pool, no = opened()
if no then return no end
local seats, after, most = {}, ARGV[3], tonumber(ARGV[4])
while #seats < most do
  local ids = redis.call('ZRANGEBYSCORE', ORDER, '(' .. after, '+inf', 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    local seat = seat_of_id(id)
    after = text(seat.number)
    if #seats < most and not has_lapsed(seat, pool.now) then seats[#seats + 1] = seat end
  end
  if #ids < most then break end
end
return listed('seats', seats)
