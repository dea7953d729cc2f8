-- Let a caller begin anew.
--
-- Keys:
--   1 window    as of hit.lua
return {redis.call('DEL', KEYS[1])}
