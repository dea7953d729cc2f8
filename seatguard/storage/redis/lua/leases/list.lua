-- Leases of a name in the order they were given, lapsed ones left out.
--
-- Arguments, behind those of leases:
--   5 name   6 id of the lease they come after, or ''   7 how many at most
-- Answers: leases; unknown, foreign.
local _, no = opened()
if no then return no end
if is_torn() then return {'unknown'} end
local now, after, most, leases = clock(ARGV[3]), ARGV[6], tonumber(ARGV[7]), {}
while #leases < most do
  local ids = marked(joined('name', ARGV[5]), after, most)
  for _, id in ipairs(ids) do
    local lease = lease_of_id(id)
    after = id
    if #leases < most and lease.lapses_at > now then leases[#leases + 1] = lease end
  end
  if #ids < most then break end
end
return told('leases', 0, leases)
