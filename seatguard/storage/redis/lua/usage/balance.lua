-- What was used in a period.
--
-- Keys and arguments: those of the book, then
--   4 JSON of the period
-- Answers: balance with used and carried; period with now; look, unopened, unknown, foreign.
if not opened_book() then return no end
local span = cjson.decode(ARGV[4])
if not is_running(span) then return {'period', text(pool.now)} end
local account = account_of(span)
return looked() or {'balance', text(account.used), text(account.carried)}
