-- The lease of an id, ended ones included.
--
-- Arguments, behind those of leases:
--   5 lease id
-- Answers: lease; none; unknown, foreign.
local _, no = opened()
if no then return no end
local lease = lease_of_id(ARGV[5])
if lease then return told('lease', 0, {lease}) end
return is_torn() and {'unknown'} or {'none'}
