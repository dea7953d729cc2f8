-- Let the sieve know charges that the ledger has.
--
-- Keys and arguments: those of the book; 3 is '', then
--   4 meter   5 the last charge it knew, or ''   6 the last of these, or all   7 JSON [item of a charge, ...]
--   8 token of the book as it was before the ledger was asked: it may lack what another book had not relayed
-- Answers: learnt; lost when somebody else was faster; unopened, unknown, foreign.
if not opened_book() then return no end
if book.token ~= ARGV[8] then return {'lost'} end
local name = '~' .. ARGV[4]
if (redis.call('HGET', BOOK, name) or '') ~= ARGV[5] then return {'lost'} end
for _, charge in ipairs(cjson.decode(ARGV[7])) do sieve(charge) end
redis.call('HSET', BOOK, name, ARGV[6], 'sieved', text(book.sieved))
redis.call('ZADD', RECENT, '+inf', name)
return {'learnt'}
