-- How many seats are taken, lapsed holds left out.
--
-- Answers: usage; unknown, foreign.
local pool, no = opened()
if no then return no end
return answer('usage', pool)
