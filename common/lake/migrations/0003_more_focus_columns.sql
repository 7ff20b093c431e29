-- The columns of FOCUS 1.2 to 1.4 that the table did not have; rows that were loaded before have NULL in them.

-- FOCUS 1.3 names who sells a service and who hosts it; 1.4 has these instead of provider and publisher.
ALTER TABLE charges ADD COLUMN service_provider_name VARCHAR;
ALTER TABLE charges ADD COLUMN host_provider_name VARCHAR;
ALTER TABLE charges ADD COLUMN billing_account_type VARCHAR;
ALTER TABLE charges ADD COLUMN sub_account_type VARCHAR;
ALTER TABLE charges ADD COLUMN sku_price_details VARCHAR;  -- JSON object, as the file has it
-- What a cost was allocated from, and by which rule (FOCUS 1.3).
ALTER TABLE charges ADD COLUMN allocated_method_id VARCHAR;
ALTER TABLE charges ADD COLUMN allocated_method_details VARCHAR;  -- JSON object, as the file has it
ALTER TABLE charges ADD COLUMN allocated_resource_id VARCHAR;
ALTER TABLE charges ADD COLUMN allocated_resource_name VARCHAR;
ALTER TABLE charges ADD COLUMN allocated_tags MAP(VARCHAR, VARCHAR);
ALTER TABLE charges ADD COLUMN contract_applied VARCHAR;  -- JSON object, as the file has it
-- FOCUS 1.4: the line of the invoice, and the programmes that might have covered the charge.
ALTER TABLE charges ADD COLUMN invoice_detail_id VARCHAR;
ALTER TABLE charges ADD COLUMN commitment_program_eligibility_details VARCHAR;  -- JSON object, as the file has it
