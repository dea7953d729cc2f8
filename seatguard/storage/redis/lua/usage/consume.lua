-- Record all events or none.
--
-- Keys and arguments: those of the book, then
--   4 JSON [[the period as of the book, key, amount, charge's id, account's id], ...]
--   5 ... an entry for each, JSON, as the relay reads it
-- Answers: settled with now and, for each event, {kind, used, carried, charge ...}: consumed, replayed, reused or
-- exhausted; closed; period with now where that is not in a period; look, unopened, frozen, unknown, foreign.
if not opened_book() then return no end
if pool.frozen then return {'frozen'} end
if not gives(pool) then return {'closed'} end

local answers, items, accounts, entries, done, refused = {}, {}, {}, {}, {}, false
for number, wish in ipairs(cjson.decode(ARGV[4])) do
  local span, key, amount, charge_id, account_id = unpack(wish)
  if not is_running(span) then return {'period', text(pool.now)} end
  local named, charged = account_name(span), '=' .. span[1] .. ' ' .. key
  local charge = items[charged] or item(charged)
  local account = accounts[named] or account_of(span)
  accounts[named] = account
  amount = tonumber(amount)
  local used, kind = account.used, 'consumed'
  if charge then
    kind = tonumber(charge[2]) == amount and 'replayed' or 'reused'
  elseif used + amount > 9007199254740991
    or (span[6] ~= '' and not span[7] and used + amount > tonumber(span[6]) + account.carried) then
    kind = 'exhausted'
  else
    account.id = account.id or account_id
    account.used, used = used + amount, used + amount
    charge = {charge_id, text(amount), '0', account.id, text(pool.now), '1', named}
    items[charged], items[named] = charge, kept_account(account)
    entries[#entries + 1] = ARGV[4 + number]
    done[#done + 1] = {
      'consumed', charged, charge_id, text(amount), text(pool.now), named, account.id, span[4],
      text(account.carried), span[6],
    }
  end
  refused = refused or kind == 'reused' or kind == 'exhausted'
  answers[number] = {kind, text(used), text(account.carried), unpack(charge or {})}
end
local look = looked()
if look then return look end
if not refused and #done > 0 then write(items, entries, done) end
return {'settled', text(pool.now), answers}
