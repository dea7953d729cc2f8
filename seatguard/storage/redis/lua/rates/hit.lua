-- Weigh a request against those of its caller a moment ago: seatguard/rates/rules.py, in the server.
--
-- Keys:
--   1 window    hash: number of a part of the window since 1970 -> how much was admitted in it;
--               'seconds' -> the length by which it is kept. Goes by itself when nothing of it counts.
-- Arguments:
--   1 now, in microseconds; '' takes the server's clock
--   2 limit; '' is unlimited    3 length of the window in seconds    4 parts of a window
--   5 cost; 0 asks whether one more would fit, and counts nothing
-- Answers: within or exceeded; used; microseconds until nothing counts; until it fits, -1 is never.
--
-- Numbers stay below 2^53, where Lua's are exact. A refusal writes nothing.
local limit, seconds, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5])
local span = seconds * 1000000
local part = math.floor(span / tonumber(ARGV[4])) + 1

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function leaves_at(number)
  return (number + 1) * part + span
end

local function text(number)
  return string.format('%.0f', number)
end

local counts, numbers, over, used, last = {}, {}, {}, 0, 0
local same = redis.call('HGET', KEYS[1], 'seconds') == ARGV[3]
if same then
  local kept = redis.call('HGETALL', KEYS[1])
  for at = 1, #kept, 2 do
    local number = tonumber(kept[at])
    if number and leaves_at(number) > now and now >= number * part - span then
      counts[number] = tonumber(kept[at + 1])
      numbers[#numbers + 1] = number
      used = used + counts[number]
      last = math.max(last, leaves_at(number) - now)
    elseif number then
      over[#over + 1] = kept[at]
    end
  end
  table.sort(numbers)
end

local wanted = math.max(cost, 1)
if not limit or used + wanted <= limit then
  if cost == 0 then return {'within', text(used), text(last), '0'} end
  local number = math.floor(now / part)
  last = math.max(last, leaves_at(number) - now)
  if not same then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'seconds', ARGV[3])
  end
  for _, field in ipairs(over) do redis.call('HDEL', KEYS[1], field) end
  redis.call('HINCRBY', KEYS[1], text(number), cost)
  redis.call('PEXPIRE', KEYS[1], text(math.ceil(last / 1000)))
  return {'within', text(used + cost), text(last), '0'}
end

local left = used
for _, number in ipairs(numbers) do
  left = left - counts[number]
  if left + wanted <= limit then return {'exceeded', text(used), text(last), text(leaves_at(number) - now)} end
end
return {'exceeded', text(used), text(last), '-1'}
