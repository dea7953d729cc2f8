-- The seat of an id, or of a holder.
--
-- Arguments, after those of the prelude:
--   3 seat id, lapsed holds included; or ''   4 holder's key, lapsed holds left out; or ''
-- Answers: seats with none or one; unknown, foreign.
local pool, no = opened()
if no then return no end
local id = ARGV[3]
if id == '' then id = redis.call('HGET', HOLDERS, ARGV[4]) end
local seat = id and seat_of_id(id)
if not seat or (ARGV[3] == '' and has_lapsed(seat, pool.now)) then return {'seats'} end
return listed('seats', {seat})
