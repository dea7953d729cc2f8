-- Let a lease live on, counted from now; one that has lapsed, where there is room.
--
-- Arguments, behind those of leases:
--   5 lease id   6 limit or ''   7 seconds it lasts   8 seconds of grace   9 ...  entries
-- Answers: kept, granted or ended with the lease; full; closed; none; draft, frozen, unknown, foreign.
local pool, no = opened()
if no then return no end
local lease = lease_of_id(ARGV[5])
if not lease then return is_torn() and {'unknown'} or {'none'} end

local now, room = clock(ARGV[3]), room_of(lease)
if lease.state == 'live' then
  prolonged(lease, now, ARGV[7], ARGV[8])
  keep(lease)
  return told('kept', live_in(room, now), {lease})
end
if lease.state ~= 'lapsed' then return told('ended', 0, {lease}) end
if pool.frozen then return {'frozen'} end
if not gives(pool) then return {'closed'} end
if is_torn(lease) then return {'unknown'} end

local limit, entries = tonumber(ARGV[6]), offered(9)
local changes, count = making_room(room, now, limit, '')
local fits = not limit or count < limit
local instead = missing(entries, changes, fits and lease, 'resumed')
if instead then return instead end

finish_all(pool, changes, now, entries)
if not fits then return full(room, now) end
prolonged(lease, now, ARGV[7], ARGV[8])
seat(lease)
enter(pool, lease, entries[lease.id .. 'resumed'])
return told('granted', live_in(room, now), {lease})
