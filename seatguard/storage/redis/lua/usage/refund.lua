-- Give back until that many units of a charge are given back.
--
-- Keys and arguments: those of the book, then
--   4 item of the charge   5 units in all   6 entry, JSON   7 JSON of the period that is to be told about
-- Answers: refunded or replayed with used and carried of that period and the charge; no_charge; period with now;
-- look, unopened, unknown, foreign.
if not opened_book() then return no end
local span = cjson.decode(ARGV[7])
if not is_running(span) then return {'period', text(pool.now)} end
local charge = item(ARGV[4])
if not charge then return looked() or {'no_charge'} end
local account, running = item(charge[7]), account_of(span)
local look = looked()
if look then return look end

local total = tonumber(ARGV[5])
local more = total - tonumber(charge[3])
if more <= 0 then return {'replayed', text(running.used), text(running.carried), unpack(charge)} end
local left = math.max(0, tonumber(account[2]) - more)
account[2], charge[3], charge[6] = text(left), text(total), text(tonumber(charge[6]) + 1)
if charge[7] == account_name(span) then running.used = left end
write({[ARGV[4]] = charge, [charge[7]] = account}, {ARGV[6]},
  {{'refunded', ARGV[4], text(total), charge[7], text(more)}})
return {'refunded', text(running.used), text(running.carried), unpack(charge)}
