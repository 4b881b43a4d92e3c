-- What the service itself answers to an SMS: a notice, an SMS without a message. what: stop, start, again (send START
-- once more), help, lost (the reply belongs to no conversation, or it is not known to which). A handset that we have
-- texted gets one of each kind within a day. All others together get some a day together: senders can be
-- forged. HASH at K.auto_replies .. handset: what -> when; at K.auto_replies_all: since, n.

local function known_to_us(handset)
  return redis.call('HLEN', K.handset .. handset) > 1 or owner_of(handset, '') ~= ''
end

local function queue_notice(rid, what, handset, number, text, now, most)
  local q, nid, key = names('out'), rid .. '.' .. what, K.auto_replies .. handset
  local before = tonumber(redis.call('HGET', key, what) or '')
  if text == '' or before and now - before < KEEP.auto_replies then return end
  if not known_to_us(handset) then
    local total = redis.call('HMGET', K.auto_replies_all, F.since, F.count)
    local since, n = tonumber(total[1] or ''), tonumber(total[2] or '0')
    if not since or now - since >= KEEP.auto_replies then since, n = now, 0 end
    if n >= tonumber(most) then return end
    redis.call('HSET', K.auto_replies_all, F.since, int(since), F.count, n + 1)
    redis.call('PEXPIRE', K.auto_replies_all, int(KEEP.auto_replies))
  end
  redis.call('HSET', key, what, int(now))
  redis.call('PEXPIRE', key, int(KEEP.auto_replies))
  local lane = '+' .. handset                     -- beside the texts of the handset's user, so that neither waits
  redis.call('HSET', q.item .. nid, F.lane, lane, F.handset, handset, F.number, number, F.text, text,
    F.due, int(now), F.state, 'R', F.suspended_before, int(suspended_so_far(now)))
  redis.call('ZADD', q.lane .. lane, int(now), nid)
  redis.call('ZADD', q.queue, 'NX', int(now), lane)
end

-- The block of a handset: 'sms <ms>', with a further word when we never texted it, or 'receipt <ms>'. It ends by START
-- only.
local function block(handset, now)
  local before = redis.call('GET', K.opted_out .. handset)
  local stranger = ''
  if before then stranger = string.match(before, ' stranger') or ''
  elseif not known_to_us(handset) then
    stranger = ' stranger'
    redis.call('INCR', K.blocked_strangers)
  end
  redis.call('SET', K.opted_out .. handset, 'sms ' .. int(now) .. stranger)
  return not before
end

-- START ends a block that is a minute old at least, unless webhooks of SMS were answered 503 since: what comes again
-- may have been written before the STOP. asked: then the writer was asked to send START again, which counts in a
-- minute, when whatever else was turned away has come, too.
local function unblock(handset, now)
  local key = K.opted_out .. handset
  local before = redis.call('GET', key)
  local since = tonumber(string.match(before, '%d+') or '0')
  local asked = tonumber(string.match(before, 'asked (%d+)') or '0')
  local turned_away = tonumber(redis.call('GET', K.turned_away) or '-1')
  since = math.max(since, asked)
  if turned_away >= since then
    redis.call('SET', key, (string.gsub(before, ' asked %d+', '')) .. ' asked ' .. int(now))
    return false
  elseif now - since < 60000 then return false end
  if string.match(before, ' stranger') then redis.call('DECR', K.blocked_strangers) end
  redis.call('DEL', key)
  return true
end
