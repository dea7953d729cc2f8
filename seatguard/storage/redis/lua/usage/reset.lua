-- Let a period begin anew with nothing used.
--
-- Keys and arguments: those of the book, then
--   4 entry, JSON   5 JSON of the period
-- Answers: balance with used, carried, and the units that were used; period with now; look, unopened, unknown,
-- foreign.
if not opened_book() then return no end
local span = cjson.decode(ARGV[5])
if not is_running(span) then return {'period', text(pool.now)} end
local account = account_of(span)
local look = looked()
if look then return look end
local name, used = account_name(span), text(account.used)
if account.used > 0 then
  account.used = 0
  write({[name] = kept_account(account)}, {ARGV[4]}, {{'reset', name, used}})
end
return {'balance', '0', text(account.carried), used}
