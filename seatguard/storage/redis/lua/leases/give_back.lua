-- Free the place of a lease; one that has ended already stays as it ended.
--
-- Arguments, behind those of leases:
--   5 lease id   6 ...  entries
-- Answers: ended with the lease; none; draft, unknown, foreign.
local pool, no = opened()
if no then return no end
local lease = lease_of_id(ARGV[5])
if not lease then return is_torn() and {'unknown'} or {'none'} end
if lease.state == 'live' then
  local now, entries = clock(ARGV[3]), offered(6)
  local changes = {{lease, lease.lapses_at <= now and 'lapsed' or 'returned'}}
  local instead = missing(entries, changes)
  if instead then return instead end
  finish_all(pool, changes, now, entries)
end
return told('ended', 0, {lease})
