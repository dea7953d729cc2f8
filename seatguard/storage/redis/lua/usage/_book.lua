-- Put between the prelude and every script about usage.
--
-- Keys, after those of the prelude:
--   8 book     hash: token; what is not here but in the ledger: nothing, sieved (charges that the sieve knows,
--              and accounts) or more; how many keys the sieve has; and the items:
--              '#period start meter' -> account, JSON [id, used, carried]
--              '=meter key' -> charge, JSON [id, amount, refunded, account's id, at, version, account's item]
--              '~meter' -> the last of the ledger's charges that the sieve knows, or all
--   9 recent   sorted set: items by the milliseconds of the stream at which they were written
--   10 sieve   bits: whether the ledger may have a charge, a Bloom filter in parts, each four times the one before
-- Arguments, after those of the prelude:
--   3 what the ledger has of items that are not here, JSON {token, at, items: {item: value or ''}}, or '';
--     of an account that it does not have the value is {carried}, what rolls over into it
--
-- Numbers are kept as texts: those of Lua's JSON lose digits. The newest KEEP items or so stay, and whatever is not
-- in the ledger yet, and whatever is younger than HOLD milliseconds. So what the ledger was seen to have or not to
-- have at most TRUST milliseconds ago holds for every item that is not here.
local BOOK, RECENT, SIEVE = KEYS[8], KEYS[9], KEYS[10]
local KEEP, SOME, HOLD, TRUST = 100, 25, 20000, 10000

-- The bits of the sieve's first part, the number of its last one, and the bits for each key: 1.3 MiB for 700,000
-- keys. Beyond that it says "perhaps" more and more often, which is slower and never wrong.
local BITS, LAST, EACH = 32768, 4, 16

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
    no = {'unopened', token or '', redis.call('HGET', POOL, 'filling') or ''}
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

-- Where a part of the sieve begins; its length is three times that and the first one's.
local function begin_of(part)
  return BITS * (4 ^ part - 1) / 3
end

-- The part of the sieve that is filled now.
local function last_part()
  local part = 0
  while part < LAST and book.sieved * EACH >= begin_of(part + 1) do part = part + 1 end
  return part
end

-- The four places of a key in a part, by its digest.
local function places(digest, part)
  local first, length = begin_of(part), BITS * 4 ^ part
  local function place(from) return text(first + tonumber(string.sub(digest, from, from + 6), 16) % length) end
  return place(1), place(8), place(15), place(22)
end

local function is_sieved(name)
  local digest = redis.sha1hex(name)
  for part = last_part(), 0, -1 do
    local a, b, c, d = places(digest, part)
    local bits = redis.call('BITFIELD', SIEVE, 'GET', 'u1', a, 'GET', 'u1', b, 'GET', 'u1', c, 'GET', 'u1', d)
    if bits[1] + bits[2] + bits[3] + bits[4] == 4 then return true end
  end
  return false
end

local function sieve(name)
  local a, b, c, d = places(redis.sha1hex(name), last_part())
  redis.call('BITFIELD', SIEVE, 'SET', 'u1', a, 1, 'SET', 'u1', b, 1, 'SET', 'u1', c, 1, 'SET', 'u1', d, 1)
  book.sieved = book.sieved + 1
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

-- Let the oldest items go, as far as they may.
local function forget(most)
  local before = milliseconds() - HOLD
  if tonumber(redis.call('ZRANGE', RECENT, 0, 0, 'WITHSCORES')[2]) > before then return end
  local waits = redis.call('XRANGE', JOURNAL, '-', '+', 'COUNT', 1)[1]
  if waits then before = math.min(before, tonumber(string.match(waits[1], '^%d+')) - 1) end
  local names = redis.call('ZRANGEBYSCORE', RECENT, '-inf', text(before), 'LIMIT', 0, most)
  if #names == 0 then return end
  for _, name in ipairs(names) do
    if string.sub(name, 1, 1) == '=' then sieve(name) end
  end
  redis.call('HDEL', BOOK, unpack(names))
  redis.call('ZREM', RECENT, unpack(names))
  redis.call('HSET', BOOK, 'sieved', text(book.sieved), 'elsewhere', book.elsewhere == 'more' and 'more' or 'sieved')
end

-- Write items and the entries of one act, with what was done: the relay does the same to the ledger's records.
local function write(items, entries, done)
  local first = table.remove(entries, 1)
  local id = redis.call('XADD', JOURNAL, '*', 'generation', pool.generation, 'entry', first, 'usage',
    cjson.encode(done), 'entries', #entries > 0 and cjson.encode(entries) or '')
  local at = tonumber(string.match(id, '^%d+'))
  local values, scores = {}, {}
  for name, value in pairs(items) do
    values[#values + 1], values[#values + 2] = name, cjson.encode(value)
    scores[#scores + 1], scores[#scores + 2] = at, name
  end
  redis.call('HSET', BOOK, unpack(values))
  redis.call('ZADD', RECENT, unpack(scores))
  -- Now and then, and then several.
  local there, new = redis.call('ZCARD', RECENT), #values / 2
  if there >= KEEP + SOME and there % SOME < new then forget(math.min(there - KEEP, 2 * (SOME + new))) end
end

local function kept_account(account)
  return {account.id, text(account.used), text(account.carried)}
end
