-- uses time queue links attempts replies auto_replies
-- An inbound SMS is stored once, together with the thread that it belongs to as of this moment. What asks something of
-- the service itself counts at this moment, too, in the order of arrival, and waits for nothing: STOP and START are
-- done with it, HELP is answered beside.
-- ARGV: now, rid, handset, number, text, messageId, stop, start, help or '', answer to that or '', answer to a START
-- that cannot count or '', most answers a day to handsets that we never texted, 1 when webhooks were answered 503.
-- Returns NEW, KNOWN, or stop, start, again when it is none to be posted.
local now, q, rid, handset, number = clock(ARGV[1]), names('in'), ARGV[2], ARGV[3], ARGV[4]
local asked, answer, again, most = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local key, blocked = q.item .. rid, redis.call('EXISTS', K.opted_out .. handset) == 1
if redis.call('EXISTS', key) == 1 then return 'KNOWN' end
if ARGV[11] == '1' then redis.call('SET', K.turned_away, int(now)) end

local function done(what)
  redis.call('SET', key, what, 'PX', int(KEEP.closed))
  return what
end

if asked == 'stop' then
  if block(handset, now) then queue_notice(rid, 'stop', handset, number, answer, now, most) end
  return done('stop')
elseif asked == 'start' and blocked then
  local lifted = unblock(handset, now)
  queue_notice(rid, lifted and 'start' or 'again', handset, number, lifted and answer or again, now, most)
  return done(lifted and 'start' or 'again')
elseif asked == 'help' and not blocked then queue_notice(rid, 'help', handset, number, answer, now, most) end
local reply = binding(handset, number, now)
reply[F.handset], reply[F.number], reply[F.text], reply[F.message_id] = handset, number, ARGV[5], ARGV[6]
reply[F.due], reply[F.order] = int(now), next_place()
add_reply(q, rid, reply, now)
return 'NEW'
