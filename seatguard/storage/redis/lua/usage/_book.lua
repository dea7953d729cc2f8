-- Put between the prelude and every script about usage.
--
-- Keys, after those of the prelude:
--   8 book     hash: token; what is not here but in the ledger: nothing, sieved (charges that the sieve knows,
--              and accounts) or more; how many keys the sieve has; and the items:
--              '#period start meter' -> account, JSON [id, used, carried]
--              '=meter key' -> charge, JSON [id, amount, refunded, account's id, at, version, account's item]
--              '~meter' -> the last of the ledger's charges that the sieve knows, or all
--   9 recent   sorted set: items by the milliseconds of the stream at which they were written
--   10 sieve   bits: whether the ledger may have a charge, a Bloom filter in parts that double in length
-- Arguments, after those of the prelude:
--   3 what the ledger has of items that are not here, JSON {token, at, items: {item: value or ''}}, or '';
--     of an account that it does not have the value is {carried}, what rolls over into it
--
-- Numbers are kept as texts: those of Lua's JSON lose digits. The newest KEEP items stay, and whatever is not in
-- the ledger yet, and whatever is younger than HOLD milliseconds. So what the ledger was seen to have or not to
-- have at most TRUST milliseconds ago holds for every item that is not here.
local BOOK, RECENT, SIEVE = KEYS[8], KEYS[9], KEYS[10]
local KEEP, HOLD, TRUST = 100, 20000, 10000

-- The bits of the sieve's first part, how often they double, and how many of them a key is given: 2 MiB for a
-- million keys. Beyond that it says "perhaps" more and more often, which is slower and never wrong.
local BITS, DOUBLED, EACH = 32768, 8, 16

local pool, no, book
local told, missing, learning = {}, {}, {}

local function milliseconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Whether the book can be gone by; else the answer to give instead is in `no`.
local function opened_book()
  pool, no = opened()
  if no then return false end
  local field = redis.call('HMGET', BOOK, 'token', 'elsewhere', 'sieved')
  local token = redis.call('HGET', POOL, 'book')
  -- Otherwise a key was evicted or deleted by hand. Without RECENT, some items only stay for longer.
  if not token or field[1] ~= token or (field[3] ~= '0' and redis.call('EXISTS', SIEVE) == 0) then
    no = {'unopened', token or ''}
    return false
  end
  book = {token = token, elsewhere = field[2], sieved = tonumber(field[3])}
  if ARGV[3] and ARGV[3] ~= '' then
    local tale = cjson.decode(ARGV[3])
    local age = milliseconds() - tale.at
    if tale.token == token and age >= 0 and age <= TRUST then told = tale.items end
  end
  return true
end

-- The part of the sieve that is filled now.
local function last_part()
  for part = 0, DOUBLED - 1 do
    if book.sieved < BITS / EACH * (2 ^ (part + 1) - 1) then return part end
  end
  return DOUBLED
end

-- Do something to the four bits of a key in one part.
local function bits(digest, part, ...)
  local first, length, command = BITS * (2 ^ part - 1), BITS * 2 ^ part, {'BITFIELD', SIEVE}
  for number = 0, 3 do
    local place = tonumber(string.sub(digest, number * 7 + 1, number * 7 + 7), 16) % length
    for _, word in ipairs({...}) do command[#command + 1] = word == 'bit' and text(first + place) or word end
  end
  local found = 0
  for _, bit in ipairs(redis.call(unpack(command))) do found = found + bit end
  return found == 4
end

local function is_sieved(name)
  local digest = redis.sha1hex(name)
  for part = last_part(), 0, -1 do
    if bits(digest, part, 'GET', 'u1', 'bit') then return true end
  end
  return false
end

local function sieve(name)
  if not bits(redis.sha1hex(name), last_part(), 'SET', 'u1', 'bit', '1') then book.sieved = book.sieved + 1 end
end

-- Whether the ledger may have an item that is not here.
local function is_perhaps_elsewhere(name)
  if book.elsewhere == 'nothing' then return false end
  local meter = string.match(name, '^=(%S+) ')
  if not meter then return true end
  if book.elsewhere ~= 'sieved' then
    local known = redis.call('HGET', BOOK, '~' .. meter) or ''
    if known ~= 'all' then
      learning[meter] = known
      return true
    end
  end
  return is_sieved(name)
end

-- An item, decoded; nil when there is none, or when the ledger has to be asked, which looked() tells.
local function item(name, always)
  local value = redis.call('HGET', BOOK, name)
  if value then return cjson.decode(value) end
  if not always and not is_perhaps_elsewhere(name) then return nil end
  if told[name] == nil then missing[#missing + 1] = name end
  if not told[name] or told[name] == '' then return nil end
  return told[name]
end

-- The answer to give while the ledger has to be asked, or nil; with the meters whose charges the sieve does not
-- know yet, and the last one of each that it does.
local function looked()
  if #missing == 0 then return nil end
  local meters = {}
  for meter, known in pairs(learning) do
    meters[#meters + 1] = meter
    meters[#meters + 1] = known
  end
  return {'look', book.token, text(milliseconds()), missing, meters}
end

-- A period as it is asked about: {meter, period, start, end or '', whether units roll over, limit or '', soft}.
local function is_running(span)
  return tonumber(span[3]) <= pool.now and (span[4] == '' or pool.now < tonumber(span[4]))
end

local function account_name(span)
  return '#' .. span[2] .. ' ' .. span[3] .. ' ' .. span[1]
end

-- Its account as {id or nil when nothing was used yet, used, carried}.
local function account_of(span)
  local found = item(account_name(span), span[5])
  if not found then return {used = 0, carried = 0} end
  if found.carried then return {used = 0, carried = tonumber(found.carried)} end
  return {id = found[1], used = tonumber(found[2]), carried = tonumber(found[3])}
end

-- Write items and the entries of one act, with what was done: the relay does the same to the ledger's records.
local function write(items, entries, done)
  local first = table.remove(entries, 1)
  local id = redis.call('XADD', JOURNAL, '*', 'generation', pool.generation, 'entry', first, 'usage',
    cjson.encode(done), 'entries', #entries > 0 and cjson.encode(entries) or '')
  local at = tonumber(string.match(id, '^%d+'))
  local written = 0
  for name, value in pairs(items) do
    redis.call('HSET', BOOK, name, cjson.encode(value))
    redis.call('ZADD', RECENT, at, name)
    written = written + 1
  end
  local over = redis.call('ZCARD', RECENT) - KEEP
  if over <= 0 then return end
  local oldest = redis.call('XRANGE', JOURNAL, '-', '+', 'COUNT', 1)[1][1]
  local before = math.min(milliseconds() - HOLD, tonumber(string.match(oldest, '^%d+')) - 1)
  local names = redis.call('ZRANGEBYSCORE', RECENT, '-inf', text(before), 'LIMIT', 0, math.min(over, 2 * written))
  if #names == 0 then return end
  for _, name in ipairs(names) do
    if string.sub(name, 1, 1) == '=' then sieve(name) end
  end
  redis.call('HDEL', BOOK, unpack(names))
  redis.call('ZREM', RECENT, unpack(names))
  redis.call('HSET', BOOK, 'sieved', text(book.sieved), 'elsewhere', book.elsewhere == 'more' and 'more' or 'sieved')
end

local function kept_account(account)
  return {account.id, text(account.used), text(account.carried)}
end
