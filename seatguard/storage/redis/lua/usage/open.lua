-- Begin an empty book, which goes by the ledger for everything that is not in it.
--
-- Keys and arguments: those of the book; 3 is '', then
--   4 token of the book before, or ''   5 token of this one   6 what the ledger has: nothing or more
--   7 token of the filling as it was before the ledger was asked
-- Answers: opened; known when there is a book; lost when another was begun meanwhile; unknown, foreign.
if opened_book() then return {'known'} end
if no[1] ~= 'unopened' then return no end
if no[2] ~= ARGV[4] or no[3] ~= ARGV[7] then return {'lost'} end
redis.call('DEL', BOOK, RECENT, SIEVE)
redis.call('HSET', BOOK, 'token', ARGV[5], 'elsewhere', ARGV[6], 'sieved', '0')
redis.call('HSET', POOL, 'book', ARGV[5])
return {'opened'}
