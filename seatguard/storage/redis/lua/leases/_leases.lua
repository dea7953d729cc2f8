-- Put between the prelude and every script about leases: seatguard/leases/rules.py, in the server.
--
-- Keys, behind those of the prelude:
--   8 leases   hash: lease id -> JSON [name, pool's holder or '', holder's key, holder's name, session, state,
--              since, late_at, lapses_at, lasts, version], ended ones for a day as well
--   9 ends     sorted set: ids of live leases by their ends
--   10 ended   sorted set: ids of ended leases by when they ended
--   11 marks   sorted set in the order of texts: of each live lease three, which end with its id; see marks_of
--   12 rooms   what the keys of rooms begin with: of each pool a sorted set, ids of live leases by their ends; its
--              length is the pool's count
--   13 index   hash, one of the shard: lease id -> subscription
--   14 due     sorted set, one of the shard: 'tenant subscription' by an instant before which no lease of it
--              ends or is forgotten
-- Arguments, behind those of the prelude:
--   3 the time by which leases are measured, in microseconds; '' takes the server's clock
--   4 subscription
--   last, in threes: lease id, what may become of it (taken, resumed, returned, lapsed, taken_over), entry, JSON
--
-- Who calls cannot know which leases will end. A script that would end one for which it was given no entry
-- writes nothing and answers draft: kind, id and value of each lease that needs an entry.
local LEASES, ENDS, ENDED, MARKS, ROOMS, INDEX, DUE = unpack(KEYS, 8)
local DAY, AT_ONCE = 86400000000, 500

local function lease_of_id(id)
  local value = redis.call('HGET', LEASES, id)
  if not value then return nil end
  local field = cjson.decode(value)
  return {
    id = id, name = field[1], pool = field[2], key = field[3], holder = field[4], session = field[5],
    state = field[6], since = field[7], late_at = tonumber(field[8]), lapses_at = tonumber(field[9]),
    lasts = field[10], version = tonumber(field[11]),
  }
end

local function value_of(lease)
  return cjson.encode({
    lease.name, lease.pool, lease.key, lease.holder, lease.session, lease.state, lease.since,
    text(lease.late_at), text(lease.lapses_at), lease.lasts, text(lease.version),
  })
end

-- Names have no character 0, so nothing in one part of a mark looks like the next.
local function joined(...)
  return table.concat({...}, '\0') .. '\0'
end

local function room_of(lease)
  return ROOMS .. joined(lease.name, lease.pool)
end

-- By the name, for the listing; by the pool, for the oldest; by the holder and session in the pool.
local function marks_of(lease)
  return joined('name', lease.name) .. lease.id, joined('pool', lease.name, lease.pool) .. lease.id,
    joined('holder', lease.name, lease.pool, lease.key, lease.session) .. lease.id
end

-- Ids of live leases whose marks begin so, in the order of the marks.
local function marked(beginning, after, most)
  local first = after == '' and '[' .. beginning or '(' .. beginning .. after
  local ids = {}
  for _, mark in ipairs(redis.call('ZRANGEBYLEX', MARKS, first, '(' .. beginning .. '\255', 'LIMIT', 0, most)) do
    ids[#ids + 1] = string.sub(mark, -36)
  end
  return ids
end

-- Whether a key is missing, by what is kept twice: of all leases, and of the room of a name and pool where one is
-- given. Then nothing is known of the pool from now on, and it is filled anew.
local function is_torn(place)
  local live = redis.call('ZCARD', ENDS)
  local whole = redis.call('HLEN', LEASES) == live + redis.call('ZCARD', ENDED)
    and redis.call('ZCARD', MARKS) == 3 * live
  if whole and place then
    local mine = joined('pool', place.name, place.pool)
    whole = redis.call('ZCARD', room_of(place))
      == redis.call('ZLEXCOUNT', MARKS, '[' .. mine, '(' .. mine .. '\255')
  end
  if not whole then redis.call('HDEL', POOL, 'generation') end
  return not whole
end

local function live_in(room, now)
  return redis.call('ZCARD', room) - redis.call('ZCOUNT', room, '-inf', text(now))
end

-- An answer: its kind, the live leases of the pool, and leases as id and value.
local function told(kind, live, leases)
  local words = {kind, live}
  for _, lease in ipairs(leases) do
    words[#words + 1] = lease.id
    words[#words + 1] = value_of(lease)
  end
  return words
end

-- The entries that were given, from that argument on.
local function offered(from)
  local entries = {}
  for place = from, #ARGV, 3 do entries[ARGV[place] .. ARGV[place + 1]] = ARGV[place + 2] end
  return entries
end

-- The answer that asks for entries, if one is missing: of a lease and what becomes of it, and of such pairs.
local function missing(entries, changes, lease, kind)
  local words = {'draft'}
  local function want(one, becomes)
    if entries[one.id .. becomes] then return end
    words[#words + 1] = becomes
    words[#words + 1] = one.id
    words[#words + 1] = value_of(one)
  end
  for _, change in ipairs(changes) do want(change[1], change[2]) end
  if lease then want(lease, kind) end
  if #words > 1 then return words end
end

-- What has to end for another lease to fit, as {lease, 'lapsed' or 'taken_over'}, and how many stay.
-- `mine` begins the marks of the leases that may be taken over; '' for none.
local function making_room(room, now, limit, mine)
  local ending, gone, count = {}, {}, redis.call('ZCARD', room)
  if not limit or count < limit then return ending, count end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', room, '-inf', text(now), 'LIMIT', 0, AT_ONCE)) do
    ending[#ending + 1] = {lease_of_id(id), 'lapsed'}
    gone[id] = true
  end
  count = count - #ending
  local needed = count - limit + 1
  if mine == '' or limit == 0 or needed < 1 then return ending, count end
  local oldest = {}
  -- The marks of a holder are in the order of the sessions.
  for _, id in ipairs(marked(mine, '', string.sub(mine, 1, 4) == 'pool' and needed + #ending or -1)) do
    if not gone[id] then oldest[#oldest + 1] = id end
  end
  if #oldest < needed then return ending, count end
  table.sort(oldest)
  for place = 1, needed do ending[#ending + 1] = {lease_of_id(oldest[place]), 'taken_over'} end
  return ending, count - needed
end

local function due_by(instant)
  redis.call('ZADD', DUE, 'LT', text(instant), joined(ARGV[1], ARGV[4]))
end

-- Let a live lease live on; it never ends earlier than it would have.
local function prolonged(lease, now, lasts, grace)
  local late_at = now + tonumber(lasts) * 1000000
  lease.state, lease.lasts = 'live', lasts
  lease.late_at = math.max(lease.late_at, late_at)
  lease.lapses_at = math.max(lease.lapses_at, late_at + tonumber(grace) * 1000000)
  lease.version = lease.version + 1
end

local function keep(lease)
  local ends_at = text(lease.lapses_at)
  redis.call('HSET', LEASES, lease.id, value_of(lease))
  redis.call('ZADD', room_of(lease), ends_at, lease.id)
  redis.call('ZADD', ENDS, ends_at, lease.id)
end

-- Give a lease its place.
local function seat(lease)
  local by_name, by_pool, by_holder = marks_of(lease)
  keep(lease)
  redis.call('ZADD', MARKS, 0, by_name, 0, by_pool, 0, by_holder)
  redis.call('ZREM', ENDED, lease.id)
  redis.call('HSET', INDEX, lease.id, ARGV[4])
  due_by(lease.lapses_at)
end

-- Take the place of a lease away. A lapsed one ended when it lapsed, whenever that was noticed.
local function finish(lease, state, now)
  lease.state, lease.lapses_at, lease.version = state, math.min(now, lease.lapses_at), lease.version + 1
  redis.call('HSET', LEASES, lease.id, value_of(lease))
  redis.call('ZREM', room_of(lease), lease.id)
  redis.call('ZREM', ENDS, lease.id)
  redis.call('ZREM', MARKS, marks_of(lease))
  redis.call('ZADD', ENDED, text(lease.lapses_at), lease.id)
  due_by(lease.lapses_at + DAY)
end

-- The entry, with the lease as it stands after it: the relay gives the ledger the same.
local function enter(pool, lease, entry)
  redis.call('XADD', JOURNAL, '*', 'generation', pool.generation, 'entry', entry, 'subject', lease.id,
    'lease', value_of(lease))
end

local function finish_all(pool, changes, now, entries)
  for _, change in ipairs(changes) do
    finish(change[1], change[2], now)
    enter(pool, change[1], entries[change[1].id .. change[2]])
  end
end

local function first_end(room)
  return redis.call('ZRANGE', room, 0, 0, 'WITHSCORES')[2]
end

-- No place is free: how many are live, and when the first lease ends, or ''.
local function full(room, now)
  local first = first_end(room)
  return {'full', live_in(room, now), first and text(tonumber(first)) or ''}
end
