-- Put in front of every script about one subscription's seats.
--
-- Keys, all of one slot:
--   1 generation   string: which filling of this shard counts; gone after a flush or a restart
--   2 pool         hash: tenant, generation, token of its filling, live, last number, the admission, frozen
--   3 seats        hash: seat id -> JSON [since, holder's key, holder's name, e-mail]
--   4 holders      hash: holder's key -> seat id; its length is the number of live seats
--   5 holds        sorted set: seat ids by the end of their holds
--   6 order        sorted set: seat ids by their numbers
--   7 journal      stream: the shard's entries that are not in the ledger yet
-- Arguments:
--   1 tenant
--   2 now, in microseconds; '' takes the server's clock
--
-- Everything is checked before the first write, since Redis undoes no script that fails midway. Instants
-- and numbers stay below 2^53, where Lua's numbers are exact.
local GENERATION, POOL, SEATS, HOLDERS, HOLDS, ORDER, JOURNAL = unpack(KEYS)

local function text(number)
  return string.format('%.0f', number)
end

-- That instant, or where it is '' the server's time.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- The pool, or nil and the answer to give instead of one.
local function opened()
  local field = redis.call('HMGET', POOL, 'tenant', 'generation', 'live', 'last', 'version', 'cap', 'open',
    'opens_at', 'closes_at', 'frozen')
  local generation = redis.call('GET', GENERATION)
  local live = redis.call('HLEN', HOLDERS)
  -- A count unlike the one remembered: a key was evicted or deleted by hand.
  if not generation or field[2] ~= generation or tonumber(field[3]) ~= live then return nil, {'unknown'} end
  if field[1] ~= ARGV[1] then return nil, {'foreign'} end
  local pool = {
    now = clock(ARGV[2]), generation = generation, live = live, held = redis.call('ZCARD', HOLDS), lapsed = 0,
    last = tonumber(field[4]), version = tonumber(field[5]), cap = field[6], open = field[7],
    opens_at = field[8], closes_at = field[9], frozen = field[10],
  }
  if pool.held > 0 then pool.lapsed = redis.call('ZCOUNT', HOLDS, '-inf', text(pool.now)) end
  return pool
end

-- Whether what was agreed gives anything at this instant, room or not.
local function gives(pool)
  return pool.open == '1' and (pool.opens_at == '' or pool.now >= tonumber(pool.opens_at))
    and (pool.closes_at == '' or pool.now < tonumber(pool.closes_at))
end

-- The seat of an id, or nil.
local function seat_of_id(id)
  local value = redis.call('HGET', SEATS, id)
  if not value then return nil end
  local field = cjson.decode(value)
  local lapses_at = redis.call('ZSCORE', HOLDS, id)
  return {
    id = id, number = tonumber(redis.call('ZSCORE', ORDER, id)), since = field[1], key = field[2],
    holder = field[3], email = field[4], lapses_at = lapses_at and text(tonumber(lapses_at)) or '',
  }
end

local function has_lapsed(seat, now)
  return seat.lapses_at ~= '' and tonumber(seat.lapses_at) <= now
end

local function packed(seat)
  return {seat.id, text(seat.number), seat.since, seat.key, seat.holder, seat.email, seat.lapses_at}
end

-- An answer: its kind, the seats taken (lapsed holds left out), and a seat.
local function answer(kind, pool, seat)
  local told = {kind, pool.live - pool.lapsed, pool.held - pool.lapsed}
  if seat then for _, field in ipairs(packed(seat)) do told[#told + 1] = field end end
  return told
end

local function listed(kind, seats)
  local told = {kind}
  for _, seat in ipairs(seats) do told[#told + 1] = packed(seat) end
  return told
end

-- Lapsed holds, the oldest first.
local function lapsed(pool, most)
  local seats = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', HOLDS, '-inf', text(pool.now), 'LIMIT', 0, most)) do
    seats[#seats + 1] = seat_of_id(id)
  end
  return seats
end
