-- Clear lapsed leases away, and forget those that ended a day ago.
--
-- Arguments, behind those of leases:
--   5 ...  entries
-- Answers: cleared with how many had lapsed, and 1 if there is more to do, else 0; draft, unknown, foreign.
local pool, no = opened()
if no then return no end
if is_torn() then return {'unknown'} end
local now, entries, changes = clock(ARGV[3]), offered(5), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', text(now), 'LIMIT', 0, AT_ONCE)) do
  changes[#changes + 1] = {lease_of_id(id), 'lapsed'}
end
local instead = missing(entries, changes)
if instead then return instead end

finish_all(pool, changes, now, entries)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', text(now - DAY), 'LIMIT', 0, AT_ONCE)) do
  redis.call('HDEL', LEASES, id)
  redis.call('HDEL', INDEX, id)
  redis.call('ZREM', ENDED, id)
end
redis.call('ZREM', DUE, joined(ARGV[1], ARGV[4]))
local first, oldest = first_end(ENDS), first_end(ENDED)
if first then due_by(tonumber(first)) end
if oldest then due_by(tonumber(oldest) + DAY) end
local more = (first and tonumber(first) <= now) or (oldest and tonumber(oldest) + DAY <= now)
return {'cleared', #changes, more and '1' or '0'}
