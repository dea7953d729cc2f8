-- Let go of entries that the ledger has.
--
-- Keys: those of the prelude; 1 generation and 7 journal are used.
-- Arguments, after those of the prelude:
--   3 generation as it was before the entries were read, or ''   4 id of the last one
-- Answers: acknowledged with how many went; other when the stream is a new one since.
if (redis.call('GET', GENERATION) or '') ~= ARGV[3] then return {'other'} end
local milliseconds, number = string.match(ARGV[4], '^(%d+)-(%d+)$')
return {'acknowledged', redis.call('XTRIM', JOURNAL, 'MINID', milliseconds .. '-' .. text(tonumber(number) + 1))}
