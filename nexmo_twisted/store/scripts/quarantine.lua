-- uses time
-- Keeps an unreadable webhook for a look, the newest few of those that are signed and of those that are not. It is made
-- elsewhere, an object of JSON; only the time is put in.
-- ARGV: now, entry, 1 when it is signed, most entries.
local now, key = clock(ARGV[1]), ARGV[3] == '1' and K.quarantine or K.unsigned
redis.call('LPUSH', key, '{"at": ' .. int(now) .. ', ' .. string.sub(ARGV[2], 2))
redis.call('LTRIM', key, 0, tonumber(ARGV[4]) - 1)
redis.call('PEXPIRE', key, int(KEEP.quarantine))
return 'DONE'
