-- Take over what was agreed, and give seats again.
--
-- Arguments, after those of the prelude:
--   3 token of who has changed it; '' of whoever has the subscription locked in the ledger
--   4 version   5 cap or ''   6 open: 1 or 0   7 opens_at or ''   8 closes_at or ''
-- Answers: agreed; other when somebody else changes it by now; unknown, foreign.
local pool, no = opened()
if no then return no end
if ARGV[3] ~= '' and pool.frozen ~= ARGV[3] then return {'other'} end
redis.call('HSET', POOL, 'version', ARGV[4], 'cap', ARGV[5], 'open', ARGV[6], 'opens_at', ARGV[7],
  'closes_at', ARGV[8])
redis.call('HDEL', POOL, 'frozen')
return {'agreed'}
