-- Holds, the first to lapse first.
--
-- Arguments, after those of the prelude:
--   3 'lapsed' or 'running'   4 how many at most
-- Answers: seats; unknown, foreign.
local pool, no = opened()
if no then return no end
local most = tonumber(ARGV[4])
if ARGV[3] == 'lapsed' then return listed('seats', lapsed(pool, most)) end
local seats = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', HOLDS, '(' .. text(pool.now), '+inf', 'LIMIT', 0, most)) do
  seats[#seats + 1] = seat_of_id(id)
end
return listed('seats', seats)
