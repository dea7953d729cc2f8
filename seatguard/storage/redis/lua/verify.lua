-- Compare the count with the seats.
--
-- Answers: counted with live and held by the count, then by the seats; unknown, foreign.
local pool, no = opened()
if no then return no end
local live, held, seated = 0, 0, 0
local ids = redis.call('HKEYS', SEATS)
for _, id in ipairs(ids) do
  local seat = seat_of_id(id)
  if redis.call('HGET', HOLDERS, seat.key) == id and seat.number then seated = seated + 1 end
  if seat.lapses_at ~= '' then held = held + 1 end
end
-- A seat that its holder or the listing does not lead to counts as missing.
if seated == #ids then live = #ids else live = seated end
return {'counted', pool.live, pool.held, live, held}
