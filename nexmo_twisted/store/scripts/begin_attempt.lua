-- uses time messages queue links attempts rate_limits
-- The last step before an SMS goes out: records the attempt, if all that its number was chosen by is still as it was
-- read. What the number carries changes only when the SMS was accepted.
-- ARGV: now, nid, token, lease ms, ranks to report, the thread that the SMS introduces or '', limits to pass (see
-- load_limits()), then those of links_unchanged().
-- Returns OK, or why not: STALE (another process has it), SUSPENDED, CONFLICT (choose again), WAIT and the name of a
-- limit
-- (it is given back until its turn comes), or why the message needs no SMS.
local now, nid, token, lease, ranks = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local q = names('out')
local item = load_item(q.item .. nid)
if not item or item[F.token] ~= token or item[F.state] ~= 'C' then return 'STALE' end
local why = unneeded(item, ranks)
if why then return why end
if item[F.probes] ~= '1' and redis.call('EXISTS', K.suspended) == 1 then return 'SUSPENDED' end
local handset, number, entry, ttl = ARGV[10], ARGV[15], ARGV[16], ARGV[17]
if redis.call('EXISTS', K.opted_out .. handset) == 1 then return 'opted_out' end
if redis.call('SISMEMBER', K.unowned, number) == 1 or not links_unchanged(8) then return 'CONFLICT' end
local exactly = microseconds(ARGV[1])
local limits = load_limits(ARGV[7], exactly)
local limit = must_wait(q, nid, item, limits, exactly)
if limit then return 'WAIT ' .. limit end
redis.call('ZREM', q.queue, item[F.lane])
redis.call('HSET', q.item .. nid, F.state, 'S', F.attempts, int(tonumber(item[F.attempts] or '0') + 1),
  F.number, number, F.handset, handset, F.introduces, ARGV[6])
redis.call('HDEL', q.item .. nid, F.crashes, F.request_sent, F.waits_since)
adopt_links(8)
add_attempt(nid, token, handset, number, entry, ttl, now)
pass(q, nid, item, limits, exactly)
lease_lane(q, nid, item, now + lease)
return 'OK'
