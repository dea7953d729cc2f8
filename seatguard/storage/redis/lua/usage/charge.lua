-- The charge of a key.
--
-- Keys and arguments: those of the book, then
--   4 item of the charge
-- Answers: charge with it; no_charge; look, unopened, unknown, foreign.
if not opened_book() then return no end
local charge = item(ARGV[4])
return looked() or (charge and {'charge', unpack(charge)}) or {'no_charge'}
