-- The shop's database: `shop.db` holds exactly this. The card's number is put in by `portcullis lesson`, anew each time.
CREATE TABLE products (name TEXT, price TEXT);
INSERT INTO products VALUES ('black tea', '4.20');
INSERT INTO products VALUES ('green tea', '4.80');
INSERT INTO products VALUES ('coffee', '7.10');
CREATE TABLE customers (name TEXT, card TEXT);
INSERT INTO customers VALUES ('Ada', 'CARD-0000000000000000');
