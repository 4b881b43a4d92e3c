-- uses time links
-- All that the choice of a number is based on, and whom a number carries. ARGV: now, user or '', handset, phone as its
-- owner wrote it, number that a reply came to or ''.
-- Returns {now, user's map, flat handset hash, owner and owner's map where the Node service's keys are consulted,
-- numbers not ours, the handset that the user was texted on last or ''}
local user, handset, number = ARGV[2], ARGV[3], ARGV[5]
local entries = redis.call('HGETALL', K.handset .. handset)
local owner, owner_map = '', ''
if #entries == 0 or (number ~= '' and redis.call('HEXISTS', K.handset .. handset, number) == 0) then
  owner = owner_of(handset, ARGV[4])
  if owner ~= '' then owner_map = redis.call('GET', map_key(owner)) or '' end
end
local last = user ~= '' and redis.call('GET', K.texted .. user) or ''
return {int(clock(ARGV[1])), user ~= '' and redis.call('GET', map_key(user)) or '', entries, owner, owner_map,
        redis.call('SMEMBERS', K.unowned), string.match(last, '^%d*')}
