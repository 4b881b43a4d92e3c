-- uses time
-- The phones that the chat platform names with a message; of each user the newest is kept, whatever the order in which
-- messages come. ARGV: now, when they were named (ms) or '' for now, ms that they are kept, then user, phone, user,
-- phone ...
local now = clock(ARGV[1])
local at = int(math.min(tonumber(ARGV[2]) or now, now))
for i = 4, #ARGV, 2 do
  local key = K.named .. ARGV[i]
  local known = string.match(redis.call('GET', key) or '', '^%d+')
  if not known or tonumber(known) <= tonumber(at) then
    redis.call('SET', key, at .. ' ' .. ARGV[i + 1], 'PX', int(tonumber(ARGV[3])))
  end
end
