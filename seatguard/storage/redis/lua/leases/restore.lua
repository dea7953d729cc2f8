-- Fill the leases of a pool that is being filled, between the first and the last step of restore.lua.
--
-- Arguments, behind those of leases:
--   5 token of the filling   6 JSON [[lease id, its value's fields ...], ...]; '' empties first
-- Answers: go on; lost as of restore.lua.
--
-- The ledger knows nothing of heartbeats. So a live lease is given the time that its holder could have been
-- promised a moment before: it may end later than it would have, and not earlier.
local generation = redis.call('GET', GENERATION)
local field = redis.call('HMGET', POOL, 'filling', 'filled')
if field[1] ~= ARGV[5] or not generation or field[2] ~= generation then return {'lost'} end

if ARGV[6] == '' then
  for _, id in ipairs(redis.call('HKEYS', LEASES)) do
    redis.call('DEL', room_of(lease_of_id(id)))
    redis.call('HDEL', INDEX, id)
  end
  redis.call('DEL', LEASES, ENDS, ENDED, MARKS)
  redis.call('ZREM', DUE, joined(ARGV[1], ARGV[4]))
  return {'go'}
end

local now = clock(ARGV[3])
for _, row in ipairs(cjson.decode(ARGV[6])) do
  redis.call('HSET', LEASES, row[1], cjson.encode({unpack(row, 2)}))
  local lease = lease_of_id(row[1])
  if lease.state == 'live' then
    prolonged(lease, now, lease.lasts, text((lease.lapses_at - lease.late_at) / 1000000))
    seat(lease)
  else
    redis.call('HSET', INDEX, lease.id, ARGV[4])
    redis.call('ZADD', ENDED, text(lease.lapses_at), lease.id)
    due_by(lease.lapses_at + DAY)
  end
end
return {'go'}
