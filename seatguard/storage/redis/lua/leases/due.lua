-- Subscriptions of a tenant in which leases may have lapsed, or may be forgotten.
--
-- Keys: those of leases; 14 due is used.
-- Arguments, behind those of leases (4 is empty):
--   5 how many at most
-- Answers: due with their ids.
local words, most = {'due'}, tonumber(ARGV[5])
for _, one in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', text(clock(ARGV[3])))) do
  local tenant, subscription = string.match(one, '^(%Z+)%z(%Z+)%z$')
  if tenant == ARGV[1] and #words <= most then words[#words + 1] = subscription end
end
return words
