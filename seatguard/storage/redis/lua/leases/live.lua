-- How many leases of a pool have a place, lapsed ones left out.
--
-- Arguments, behind those of leases:
--   5 name   6 the pool's holder, or '' for the pool of all
-- Answers: live with the number; unknown, foreign.
local _, no = opened()
if no then return no end
local place = {name = ARGV[5], pool = ARGV[6]}
if is_torn(place) then return {'unknown'} end
return {'live', live_in(room_of(place), clock(ARGV[3]))}
