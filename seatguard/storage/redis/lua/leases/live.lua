-- How many leases of a pool have a place, lapsed ones left out.
--
-- Arguments, behind those of leases:
--   5 name   6 the pool's holder, or '' for the pool of all
-- Answers: live with the number; unknown, foreign.
local _, no = opened()
if no then return no end
return {'live', live_in(ROOMS .. joined(ARGV[5], ARGV[6]), clock(ARGV[3]))}
