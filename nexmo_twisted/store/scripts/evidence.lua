-- uses time messages queue closing
-- A receipt came for an SMS, so it was accepted, whatever the receipt says and whoever sent it.
-- ARGV: now, nid, the provider's message id. Returns the state that this ended, or '' when it was known or none of ours.
local now, q, nid = clock(ARGV[1]), names('out'), ARGV[2]
local item = load_item(q.item .. nid)
if not item or not item.m or tonumber(item.a or '0') < 1 then return '' end
close_item(q, nid, item, (item.s == 'S' and 'sent ' or 'receipt ') .. item.n .. ' ' .. ARGV[3], now)
introduced(item.h or '', item.n, item.i or '')
return item.s
