-- An item is done: it leaves its queue, and its message hears what became of it and how long after it was due, and what
-- its receipts say if there were any.
local function close_item(q, id, item, outcome, now, said)
  local left = item.j and item.m and tonumber(redis.call('HGET', K.outcomes .. item.m, '') or '')
  local record = item.m and not (left and left > 1) and load_message(item.m)
  if record and left then gather(item.m, record) end
  said = said and said ~= '' and ' =' .. said or ''
  leave_lane(q, id, item, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.buried, id)
  redis.call('DEL', q.item .. id)
  if not item.m then redis.call('SET', q.item .. id, outcome .. said, 'PX', int(KEEP.closed)) end
  local told = outcome .. ' @' .. int(now - (item.d or now)) .. said
  if left and left > 1 then            -- one of many, and not the last
    tell_apart(item.m, string.match(id, '%x+$'), told, item.l)
    redis.call('HINCRBY', K.outcomes .. item.m, '', -1)
    return
  end
  if left then redis.call('DEL', K.outcomes .. item.m) end
  if not record then return end
  record.o = record.o or {}
  record.o[item.l] = told
  record.n = (record.n or 1) - 1
  if record.n <= 0 then close_message(item.m, record, record.x or 'done', now)
  elseif record.x then save_message(item.m, record, KEEP.closed)
  else save_message(item.m, record) end
end

-- An SMS that was tried while all others are held proves that the account works: it was accepted, or refused for a
-- reason of its own. What was on its way when the hold began tells nothing.
local function lift_hold(item, now)
  if item.p ~= '1' or redis.call('EXISTS', K.hold) == 0 then return end
  local since = tonumber(redis.call('HGET', K.hold, 'since') or '')
  redis.call('DEL', K.hold)
  if since then redis.call('INCRBY', K.held, int(now - since)) end
end
