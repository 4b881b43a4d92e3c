-- uses time queue
-- A reply asks for something, or belongs to no conversation; its handset may be told so by a notice, an SMS without a
-- message. Made again, it does nothing new. What is asked: stop, start, help; lost = the reply belongs nowhere.
-- ARGV: now, rid, what, handset, number it wrote to, text of the notice or '', most notices to one handset a day,
-- most to all lost ones a day. Returns NOT when a start comes from a handset that was not opted out, else DONE.
local now, what, handset, text = clock(ARGV[1]), ARGV[3], ARGV[4], ARGV[6]
local q, nid, day, reply = names('out'), ARGV[2] .. '.' .. what, 86400000, K.in_item .. ARGV[2]
if redis.call('EXISTS', q.item .. nid) == 1 then return 'DONE' end

-- A counter that begins anew a day after it began: HASH since, n.
local function counted(key)
  local since = tonumber(redis.call('HGET', key, 'since') or '')
  return since and now - since < day and tonumber(redis.call('HGET', key, 'n')) or 0
end
local function count(key)
  local n = counted(key) + 1
  if n == 1 then redis.call('HSET', key, 'since', int(now)) end
  redis.call('HSET', key, 'n', n)
  redis.call('PEXPIRE', key, day)
end

local done = redis.call('HGET', reply, 'a') or ''   -- what this very reply has done already
local blocked = redis.call('EXISTS', K.opted_out .. handset) == 1
local much = counted(K.notices .. handset) >= tonumber(ARGV[7])
if what == 'stop' then
  if blocked and done ~= 'stop' then return 'DONE' end
  redis.call('SET', K.opted_out .. handset, 'sms ' .. int(now), 'NX')
elseif what == 'start' then
  if done == 'start' then return 'DONE' end
  if not blocked then return 'NOT' end
  redis.call('DEL', K.opted_out .. handset)
  redis.call('HSET', reply, 'a', 'start')
elseif blocked then return 'DONE'
elseif what == 'lost' then
  if redis.call('EXISTS', K.handset .. handset, K.owner .. handset) == 0 or counted(K.lost .. handset) > 0
    or counted(K.lost_total) >= tonumber(ARGV[8]) or text == '' then return 'DONE' end
  count(K.lost .. handset)
  count(K.lost_total)
end
if text == '' or much then return 'DONE' end
count(K.notices .. handset)
local lane = '+' .. handset                     -- beside the texts of the handset's user, so that neither waits
redis.call('HSET', q.item .. nid, 'l', lane, 'h', handset, 'n', ARGV[5], 'x', text, 'd', int(now), 's', 'R',
  'g', int(held_so_far(now)))
redis.call('ZADD', q.lane .. lane, int(now), nid)
redis.call('ZADD', q.queue, 'NX', int(now), lane)
return 'DONE'
