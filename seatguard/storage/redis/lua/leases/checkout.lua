-- Give a session a lease.
--
-- Arguments, behind those of leases:
--   5 lease id   6 name   7 the pool's holder, or '' for the pool of all   8 holder's key   9 holder's name
--   10 session   11 limit or ''   12 seconds it lasts   13 seconds of grace
--   14 whose oldest lease makes room: pool, holder or ''   15 ...  entries
-- Answers: granted with the lease and those that made room; kept with the lease; full; closed; draft, frozen,
-- unknown, foreign.
local pool, no = opened()
if no then return no end
if pool.frozen then return {'frozen'} end
if not gives(pool) then return {'closed'} end

local now, entries = clock(ARGV[3]), offered(15)
local lease = {
  id = ARGV[5], name = ARGV[6], pool = ARGV[7], key = ARGV[8], holder = ARGV[9], session = ARGV[10],
  since = text(now), late_at = now, lapses_at = now, version = 0,
}
local room = room_of(lease)
local holder = joined('holder', lease.name, lease.pool, lease.key)
if is_torn(lease) then return {'unknown'} end

local own = marked(holder .. joined(lease.session), '', 1)[1]
if own then
  own = lease_of_id(own)
  prolonged(own, now, ARGV[12], ARGV[13])
  keep(own)
  -- The very lease that is wished for: an earlier call, its answer lost.
  return told(own.id == lease.id and 'granted' or 'kept', live_in(room, now), {own})
end

local limit, mine = tonumber(ARGV[11]), ''
if ARGV[14] == 'pool' then mine = joined('pool', lease.name, lease.pool) end
if ARGV[14] == 'holder' then mine = holder end
local changes, count = making_room(room, now, limit, mine)
local fits = not limit or count < limit
prolonged(lease, now, ARGV[12], ARGV[13])
local instead = missing(entries, changes, fits and lease, 'taken')
if instead then return instead end

finish_all(pool, changes, now, entries)
if not fits then return full(room, now) end
seat(lease)
enter(pool, lease, entries[lease.id .. 'taken'])
local answered = {lease}
for _, change in ipairs(changes) do
  if change[2] == 'taken_over' then answered[#answered + 1] = change[1] end
end
return told('granted', live_in(room, now), answered)
