-- Fill a pool from the ledger, whose row of the subscription the caller has locked, in three steps.
--
-- Arguments, after those of the prelude:
--   3 step   4 token of this filling
--   begin: empties the pool; 5 the generation of the pool before the ledger was given all entries, or ''
--   fill:  5 JSON [[seat id, number, since, holder's key, holder's name, e-mail, lapses_at], ...]
--   end:   5 version   6 cap or ''   7 open: 1 or 0   8 opens_at or ''   9 closes_at or ''
-- Answers: known when the pool needs no filling; go on; lost when somebody else filled or emptied it
-- meanwhile: the ledger may miss entries of that.
local step, token = ARGV[3], ARGV[4]
local generation = redis.call('GET', GENERATION)

if step == 'begin' then
  local field = redis.call('HMGET', POOL, 'generation', 'live')
  if generation and field[1] == generation and tonumber(field[2]) == redis.call('HLEN', HOLDERS) then
    return {'known'}
  end
  if (field[1] or '') ~= ARGV[5] then return {'lost'} end
  if not generation then
    generation = token
    redis.call('SET', GENERATION, generation)
  end
  redis.call('DEL', POOL, SEATS, HOLDERS, HOLDS, ORDER)
  redis.call('HSET', POOL, 'filling', token, 'filled', generation, 'last', 0)
  return {'go'}
end

local field = redis.call('HMGET', POOL, 'filling', 'filled', 'last')
if field[1] ~= token or not generation or field[2] ~= generation then return {'lost'} end
if step == 'fill' then
  local last = tonumber(field[3])
  for _, seat in ipairs(cjson.decode(ARGV[5])) do
    redis.call('HSET', SEATS, seat[1], cjson.encode({seat[3], seat[4], seat[5], seat[6]}))
    redis.call('HSET', HOLDERS, seat[4], seat[1])
    redis.call('ZADD', ORDER, seat[2], seat[1])
    if seat[7] ~= '' then redis.call('ZADD', HOLDS, seat[7], seat[1]) end
    last = math.max(last, tonumber(seat[2]))
  end
  redis.call('HSET', POOL, 'last', text(last))
  return {'go'}
end
redis.call('HSET', POOL, 'tenant', ARGV[1], 'generation', generation, 'live', redis.call('HLEN', HOLDERS),
  'version', ARGV[5], 'cap', ARGV[6], 'open', ARGV[7], 'opens_at', ARGV[8], 'closes_at', ARGV[9])
redis.call('HDEL', POOL, 'filled')
return {'go'}
