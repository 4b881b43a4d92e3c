-- Replaces the set of configured numbers that the account does not own. ARGV: numbers.
redis.call('DEL', K.unowned)
if #ARGV > 0 then redis.call('SADD', K.unowned, unpack(ARGV)) end
return 'DONE'
