-- Put between the prelude and every script that writes.
--
-- Arguments:
--   3 mode: 'do'; 'look' answers and writes nothing; 'as KIND ID SINCE' writes if that is still the answer,
--     and the seat is since that instant
--   4 entry, JSON, as the relay reads it
--   5 reply to keep, JSON, or ''
local MODE, ENTRY, REPLY = ARGV[3], ARGV[4], ARGV[5]
local EXPECTED, EXPECTED_ID, SINCE = string.match(MODE, '^as (%S+) (%S+) (%d+)$')

-- Whether to write, or the answer to give instead.
local function may_write(kind, id)
  if MODE == 'look' then return false end
  if EXPECTED and (EXPECTED ~= kind or EXPECTED_ID ~= id) then return false, {'changed'} end
  return true
end

local function instant(pool)
  return SINCE or text(pool.now)
end

-- Keep a seat; returns its value as it is stored. Who called takes a seat that is no hold any more from HOLDS.
local function store(seat)
  local value = cjson.encode({seat.since, seat.key, seat.holder, seat.email})
  redis.call('HSET', SEATS, seat.id, value)
  redis.call('HSET', HOLDERS, seat.key, seat.id)
  if seat.lapses_at ~= '' then redis.call('ZADD', HOLDS, seat.lapses_at, seat.id) end
  return value
end

local function drop(seat)
  redis.call('HDEL', SEATS, seat.id)
  redis.call('HDEL', HOLDERS, seat.key)
  redis.call('ZREM', HOLDS, seat.id)
  redis.call('ZREM', ORDER, seat.id)
  redis.call('HINCRBY', POOL, 'live', -1)
end

-- The entry, with what became of the seat: the relay does the same to the ledger's copy. Without a value the
-- seat is free.
local function record(pool, entry, id, value, lapses_at)
  redis.call('XADD', JOURNAL, '*', 'generation', pool.generation, 'entry', entry, 'subject', id,
    'seat', value or '', 'lapses_at', lapses_at or '', 'reply', REPLY)
end
