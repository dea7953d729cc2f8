-- Give no new seats until the change of what was agreed is over.
--
-- Arguments, after those of the prelude:
--   3 token of who changes it
-- Answers: frozen with live, lapsed holds included, and how many of them have lapsed; unknown, foreign.
local pool, no = opened()
if no then return no end
redis.call('HSET', POOL, 'frozen', ARGV[3])
return {'frozen', pool.live, pool.lapsed}
