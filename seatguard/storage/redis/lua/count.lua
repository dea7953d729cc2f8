-- How many seats are taken, lapsed holds left out.
--
-- Answers: count with live and held; unknown, foreign.
local pool, no = opened()
if no then return no end
return answer('count', pool)
