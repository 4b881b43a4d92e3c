-- uses time
-- Keeps an unreadable webhook for a look, the newest few. ARGV: entry, most entries.
redis.call('LPUSH', K.quarantine, ARGV[1])
redis.call('LTRIM', K.quarantine, 0, tonumber(ARGV[2]) - 1)
redis.call('PEXPIRE', K.quarantine, int(KEEP.quarantine))
return 'DONE'
